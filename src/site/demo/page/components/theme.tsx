import { useEffect } from "react";
import { Store, useStore } from "../state/store.ts";
import { Icon, type IconName } from "./icon.tsx";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const STORAGE_KEY = "tidings-demo:theme";
const ICONS: Record<Theme, IconName> = { auto: "auto", light: "sun", dark: "moon" };

const theme = new Store<Theme>(readTheme());
function readTheme(): Theme {
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
      // Storage is blocked: the choice lasts until the page is reloaded.
    }
  }, [chosen]);
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "auto";
  return (
    <button
      type="button"
      className="icon-button"
      onClick={() => theme.set(next)}
      aria-label={`Theme: ${chosen}. Switch to ${next}`}
    >
      <Icon name={ICONS[chosen]} />
    </button>
  );
}
