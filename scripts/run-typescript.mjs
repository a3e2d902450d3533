// Lets Node.js run a TypeScript file of this project without a build:
//   node --import ./scripts/run-typescript.mjs FILE.ts
// Node.js removes the types itself. This hook finds the `.ts` file behind an import of `.js`.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return nextResolve(specifier.replace(/\.js$/, '.ts'), context);
    }
  },
});
