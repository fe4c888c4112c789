/** Texts in the browser's storage. Blocked storage is like an empty one: what is written lasts until the next page. */

type StorageArea = "localStorage" | "sessionStorage";

export function storedText(area: StorageArea, name: string): string | null {
  try {
    return globalThis[area].getItem(name);
  } catch {
    return null;
  }
}

export function storeText(area: StorageArea, name: string, text: string): void {
  try {
    globalThis[area].setItem(name, text);
  } catch {
    // Blocked or full.
  }
}
