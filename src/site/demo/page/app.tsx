import { useEffect, useRef } from "react";
import { Access } from "./access.tsx";
import { Announcer } from "./announcer.tsx";
import { Connections } from "./connections.tsx";
import { credentials, tokenOf } from "./credentials.ts";
import { EventFeed } from "./event-feed.tsx";
import { Icon } from "./icon.tsx";
import { useLive } from "./live.tsx";
import { Operations } from "./operations.tsx";
import { OrderTracker } from "./order-tracker.tsx";
import { Publisher } from "./publisher.tsx";
import { ShopBoard } from "./shop-board.tsx";
import { Shoppers } from "./shoppers.tsx";
import { StatusPill } from "./status.tsx";
import { useStore } from "./store.ts";
import { ThemeToggle } from "./theme.tsx";
import { addressOf, useView, VIEW_NAMES, VIEWS, type View } from "./views.ts";

export function App() {
  const view = useView();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${VIEWS[view]} · Tidings demo`;
    window.scrollTo(0, 0);
    // Who uses a keyboard or a screen reader goes on where the new view begins.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [view]);

  return (
    <>
      <Header view={view} onSkip={() => main.current?.focus()} />
      <Navigation view={view} />
      <div className="layout" data-view={view}>
        <main ref={main} tabIndex={-1} aria-label={VIEWS[view]}>
          <Shown view={view} />
        </main>
        <aside aria-label="Publisher">
          <Publisher />
        </aside>
      </div>
      <Announcer />
      <Shoppers />
    </>
  );
}

function Shown({ view }: { view: View }) {
  switch (view) {
    case "shop":
      return <ShopBoard />;
    case "order":
      return <OrderTracker />;
    case "publish":
      return <EventFeed />;
    case "connections":
      return <Connections />;
    case "operations":
      return <Operations />;
    case "access":
      return <Access />;
  }
}

function Header({ view, onSkip }: { view: View; onSkip: () => void }) {
  const { order, products } = useLive();
  const held = useStore(credentials);
  return (
    <header>
      <a className="skip" href={addressOf(view)} onClick={onSkip}>
        Skip to the view
      </a>
      <a className="brand" href={addressOf("shop")}>
        <Icon name="tide" />
        Tidings
        <span className="muted">demo</span>
      </a>
      <div className="pills">
        {tokenOf(held) ? (
          <>
            <StatusPill label="products" updates={products} />
            <StatusPill label="order" updates={order} />
          </>
        ) : (
          <a className="pill" href={addressOf("access")}>
            no token yet
          </a>
        )}
      </div>
      <a className="docs" href="/docs">
        API
      </a>
      <ThemeToggle />
    </header>
  );
}

function Navigation({ view }: { view: View }) {
  return (
    <nav aria-label="Views">
      {VIEW_NAMES.map((name) => (
        <a key={name} href={addressOf(name)} aria-current={name === view ? "page" : undefined}>
          <Icon name={name} />
          {VIEWS[name]}
        </a>
      ))}
    </nav>
  );
}
