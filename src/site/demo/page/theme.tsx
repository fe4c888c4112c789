import { useEffect } from "react";
import { Icon, type IconName } from "./icon.tsx";
import { Store, useStore } from "./store.ts";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const STORAGE_KEY = "tidings-demo:theme";
const ICONS: Record<Theme, IconName> = { auto: "auto", light: "sun", dark: "moon" };

const theme = new Store<Theme>(stored());
const systemScheme = matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark now; charts are drawn anew when it changes. */
export function useIsDark(): boolean {
  const chosen = useStore(theme);
  const system = useStore(systemIsDark);
  return chosen === "auto" ? system : chosen === "dark";
}

const systemIsDark = new Store(systemScheme.matches);
systemScheme.addEventListener("change", ({ matches }) => systemIsDark.set(matches));

function stored(): Theme {
  try {
    return THEMES.find((one) => one === localStorage.getItem(STORAGE_KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

export function ThemeToggle() {
  const chosen = useStore(theme);
  useEffect(() => {
    document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem(STORAGE_KEY, chosen);
    } catch {
      // Storage is forbidden: then the choice lives as long as the page.
    }
  }, [chosen]);
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "auto";
  return (
    <button
      type="button"
      className="icon-button"
      onClick={() => theme.set(next)}
      aria-label={`Colours: ${chosen}. Change to ${next}`}
    >
      <Icon name={ICONS[chosen]} />
    </button>
  );
}
