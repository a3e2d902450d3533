import {
  createTheme,
  defaultVariantColorsResolver,
  localStorageColorSchemeManager,
  MantineProvider,
} from '@mantine/core';
import type { ReactNode } from 'react';

const theme = createTheme({
  cursorType: 'pointer',
  respectReducedMotion: true,
  // Text on filled buttons is dark on the light accent of the dark colours.
  variantColorResolver: (input) => ({
    ...defaultVariantColorsResolver(input),
    ...(input.variant === 'filled' ? { color: 'var(--on-accent)' } : {}),
  }),
  components: {
    Checkbox: { defaultProps: { iconColor: 'var(--on-accent)' } },
    Tooltip: { defaultProps: { transitionProps: { duration: 80 } } },
    Menu: { defaultProps: { transitionProps: { duration: 80 } } },
  },
});

/** The name of the entry is also in theme.ts. */
const colorSchemeManager = localStorageColorSchemeManager({ key: 'sftpgw-theme' });

/**
 * Mantine without style elements, which the content security policy refuses: its variables are in styles/tokens.css
 * and in its own static file. Do not use its responsive properties (`visibleFrom`, `{ base, sm }`), which create them.
 */
export function Mantine({ children }: { readonly children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemeManager}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      {children}
    </MantineProvider>
  );
}
