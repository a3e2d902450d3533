import { ActionIcon } from '@mantine/core';
import { Suspense, useEffect, useRef, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { CloseIcon, MenuIcon } from '../parts/icons.js';
import { Skeleton } from '../parts/loading.js';
import { NotFound } from '../screens/not-found.js';
import { screens } from '../screens/screens.js';
import { AccountMenu, ThemeButton } from './account-menu.js';
import { Faults } from './faults.js';
import { Navigation } from './navigation.js';
import { SearchBox } from './search-box.js';

/** The frame of every page: navigation, search, account. */
export function Shell() {
  const [path] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const main = useFocusOnChange(path);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <ActionIcon
          className="menu-button"
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={isOpen ? 'Close the list of pages' : 'Open the list of pages'}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <CloseIcon /> : <MenuIcon />}
        </ActionIcon>
        <SearchBox />
        <div className="spring" />
        <ThemeButton />
        <AccountMenu />
      </header>
      <div className="side" data-open={isOpen}>
        <Navigation onChoose={() => setOpen(false)} />
      </div>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <Faults key={path}>
          <Suspense fallback={<Skeleton />}>
            <Switch>
              {screens.map(({ path: pattern, component }) => (
                <Route key={pattern} path={pattern} component={component} />
              ))}
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </Faults>
      </main>
    </div>
  );
}

/** Moves the focus to the new page, where a screen reader begins to read. */
function useFocusOnChange(path: string) {
  const main = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [path]);
  return main;
}
