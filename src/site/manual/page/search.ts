import { type IndexedSection, search } from "./ranking.ts";

const MAX_RESULTS = 12;

/** Shows the search field. The index is loaded when the field is used for the first time. */
export function addSearch(): void {
  const form = document.querySelector<HTMLElement>(".search");
  const input = form?.querySelector("input");
  const results = form?.querySelector<HTMLElement>(".results");
  const status = results?.querySelector("p");
  const list = results?.querySelector("ul");
  if (!form || !input || !results || !status || !list) return;
  form.hidden = false;

  const update = async () => {
    const query = input.value.trim();
    results.hidden = query === "";
    if (query === "") return;
    const entries = await index();
    // A newer query is on its way.
    if (query !== input.value.trim()) return;
    const found = search(entries ?? [], query);
    status.textContent = entries === null ? LOADING_FAILED : resultCount(found.length, query);
    list.replaceChildren(...found.slice(0, MAX_RESULTS).map(itemOf));
  };
  input.addEventListener("focus", () => {
    void index();
    void update();
  });
  input.addEventListener("input", () => void update());
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    input.value = "";
    results.hidden = true;
    input.focus();
  });
  document.addEventListener("click", ({ target }) => {
    const isLink = target instanceof Element && target.closest("a") !== null;
    if (isLink || !(target instanceof Node && form.contains(target))) results.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    input.focus();
  });
}

const LOADING_FAILED = "The search could not be loaded. Check your connection and try again.";

function resultCount(count: number, query: string): string {
  if (count === 0) return `Nothing found for “${query}”. Try fewer or other words.`;
  if (count > MAX_RESULTS) return `The best ${MAX_RESULTS} of ${count} sections`;
  return count === 1 ? "1 section" : `${count} sections`;
}

let loading: Promise<IndexedSection[] | null> | undefined;

/** Returns the index, or null if it cannot be loaded now; the next call tries again. */
function index(): Promise<IndexedSection[] | null> {
  loading ??= loadIndex().catch(() => {
    loading = undefined;
    return null;
  });
  return loading;
}

async function loadIndex(): Promise<IndexedSection[]> {
  const response = await fetch("/docs/search.json");
  if (!response.ok) throw new Error(`no index: ${response.status}`);
  return response.json();
}

function itemOf({ address, chapter, title }: IndexedSection): HTMLElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = address;
  link.textContent = title;
  if (title !== chapter) {
    const where = document.createElement("span");
    where.className = "muted";
    where.textContent = chapter;
    link.append(" ", where);
  }
  item.append(link);
  return item;
}
