// Runs before the page is drawn, so that a dark page does not flash white. Mantine keeps the choice in this entry.
const chosen = (() => {
  try {
    return localStorage.getItem('sftpgw-theme');
  } catch {
    // The browser refuses storage: the choice of the system counts.
    return null;
  }
})();
const isDark =
  chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
document.documentElement.setAttribute('data-mantine-color-scheme', isDark ? 'dark' : 'light');
