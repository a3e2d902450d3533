import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import './styles/index.css';

const root = document.getElementById('root');
if (root === null) throw new Error('the document has no root element');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
