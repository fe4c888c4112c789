import { useEffect, useState } from "react";
import { chooseTheme, nextTheme, storedTheme, themeLabel } from "../state/theme.ts";
import { Icon } from "./icon.tsx";

export function ThemeToggle() {
  const [theme, setTheme] = useState(storedTheme);
  useEffect(() => chooseTheme(theme), [theme]);
  return (
    <button
      type="button"
      className="icon-button"
      onClick={() => setTheme(nextTheme(theme))}
      aria-label={themeLabel(theme)}
    >
      <Icon name={theme} />
    </button>
  );
}
