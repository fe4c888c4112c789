import { useEffect, useRef } from "react";
import { StatusPill } from "./components/connection-status.tsx";
import { Icon } from "./components/icon.tsx";
import { ScreenReaderUpdates } from "./components/screen-reader-updates.tsx";
import { SimulatedShoppers } from "./components/shoppers.tsx";
import { ThemeToggle } from "./components/theme.tsx";
import { hashOf, useView, VIEW_NAMES, VIEWS, type View } from "./router.ts";
import { useConnections } from "./state/connections.tsx";
import { activeToken, useCredentials } from "./state/credentials.ts";
import { AccessView } from "./views/access.tsx";
import { ConnectionsView } from "./views/connections.tsx";
import { MetricsView } from "./views/metrics.tsx";
import { OrderDetailsView } from "./views/order.tsx";
import { PublishView } from "./views/publish.tsx";
import { ShopView } from "./views/shop.tsx";

const VIEW_COMPONENTS: Record<View, () => React.ReactNode> = {
  shop: ShopView,
  order: OrderDetailsView,
  publish: PublishView,
  connections: ConnectionsView,
  metrics: MetricsView,
  access: AccessView,
};

export function App() {
  const view = useView();
  const CurrentView = VIEW_COMPONENTS[view];
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${VIEWS[view]} · Tidings demo`;
    window.scrollTo(0, 0);
    // Keyboard and screen reader users continue at the start of the new view.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [view]);

  return (
    <>
      <Header view={view} onSkip={() => main.current?.focus()} />
      <Navigation view={view} />
      <div className="layout" data-view={view}>
        <main ref={main} tabIndex={-1} aria-label={VIEWS[view]}>
          <CurrentView />
        </main>
        <footer>
          <a href="/docs">Manual</a>
        </footer>
      </div>
      <ScreenReaderUpdates />
      <SimulatedShoppers />
    </>
  );
}

function Header({ view, onSkip }: { view: View; onSkip: () => void }) {
  const { order, products } = useConnections();
  const credentials = useCredentials();
  return (
    <header>
      <a className="skip" href={hashOf(view)} onClick={onSkip}>
        Skip to content
      </a>
      <a className="brand" href={hashOf("shop")}>
        <Icon name="tide" />
        Tidings
        <span className="muted">demo</span>
      </a>
      <div className="pills">
        {activeToken(credentials) ? (
          <>
            <StatusPill label="products" updates={products} />
            <StatusPill label="order" updates={order} />
          </>
        ) : (
          <a className="pill" href={hashOf("access")}>
            Add a token
          </a>
        )}
      </div>
      <a className="docs" href="/docs">
        Manual
      </a>
      <ThemeToggle />
    </header>
  );
}

function Navigation({ view }: { view: View }) {
  return (
    <nav aria-label="Views">
      {VIEW_NAMES.map((name) => (
        <a key={name} href={hashOf(name)} aria-current={name === view ? "page" : undefined}>
          <Icon name={name} />
          {VIEWS[name]}
        </a>
      ))}
    </nav>
  );
}
