import { type KeyboardEvent, useId, useRef, useState } from "react";
import type { EventDraft } from "../service/publish.ts";
import { LANGUAGES, type Language } from "../service/snippets.ts";
import { useCredentials } from "../state/credentials.ts";
import { Store, useStore } from "../state/store.ts";

// `Object.keys` returns `string[]`; the keys are those of LANGUAGES.
const LANGUAGE_NAMES = Object.keys(LANGUAGES) as Language[];
/** How long the button shows the result. */
const COPIED_MS = 2000;

/** One choice for all views: a visitor reads one language. */
const chosenLanguage = new Store<Language>("curl");

/** The call that publishes an event, in several languages. Long lines scroll inside. */
export function CodeTabs({ draft }: { draft: EventDraft }) {
  const { order } = useCredentials();
  const language = useStore(chosenLanguage);
  const id = useId();
  const tabs = useRef<HTMLDivElement>(null);
  const text = LANGUAGES[language].write(draft, order || "ORDER_ID");
  const onKeyDown = ({ key }: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step === undefined) return;
    const at = (LANGUAGE_NAMES.indexOf(language) + step + LANGUAGE_NAMES.length) % LANGUAGE_NAMES.length;
    chosenLanguage.set(LANGUAGE_NAMES[at] ?? language);
    tabs.current?.querySelectorAll("button")[at]?.focus();
  };
  return (
    <div className="code-tabs">
      <div className="tab-bar">
        <div role="tablist" aria-label="Language" ref={tabs} onKeyDown={onKeyDown}>
          {LANGUAGE_NAMES.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`${id}-${name}`}
              aria-selected={name === language}
              aria-controls={`${id}-code`}
              tabIndex={name === language ? 0 : -1}
              onClick={() => chosenLanguage.set(name)}
            >
              {LANGUAGES[name].label}
            </button>
          ))}
        </div>
        <CopyButton text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard */}
      <pre id={`${id}-code`} role="tabpanel" aria-labelledby={`${id}-${language}`} tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

function CopyButton({ text }: { text: string }) {
  const [label, setLabel] = useState("Copy");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setLabel("Copied");
    } catch {
      // Pages over plain HTTP have no clipboard.
      setLabel("Select it");
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setLabel("Copy"), COPIED_MS);
  };
  return (
    <button type="button" className="copy" onClick={copy} aria-live="polite">
      {label}
    </button>
  );
}
