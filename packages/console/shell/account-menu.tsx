import { ActionIcon, Menu, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { call, setBearerToken } from '../api/client.js';
import { useMe } from '../api/hooks.js';
import { MoonIcon, PersonIcon, SunIcon } from '../parts/icons.js';
import { toast } from '../parts/toast.js';

/** Changes between light and dark. Until the first use the system decides. */
export function ThemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme('light') === 'dark';
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={isDark ? 'Use light colours' : 'Use dark colours'}
      onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
    >
      {isDark ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
}

/** Shows who is logged in, with the way out. */
export function AccountMenu() {
  const { data: me } = useMe();
  const client = useQueryClient();
  const logOut = async () => {
    try {
      await call('logout');
    } catch {
      // A token has no session to end.
    }
    setBearerToken(null);
    // Forgets every answer, and reads those of this page again. A page that was cleared would stay as it is.
    await client.resetQueries();
    toast('Logged out');
  };
  if (me === undefined) return null;
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Account: ${me.name}`}>
          <PersonIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name}, {me.role}
        </Menu.Label>
        <Menu.Item component={Link} href="/account">
          Passphrase, passkeys, sessions
        </Menu.Item>
        <Menu.Item onClick={() => void logOut()}>Log out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
