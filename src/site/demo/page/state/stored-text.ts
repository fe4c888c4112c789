/** Texts in the browser's storage. Blocked storage reads as empty, and what is written to it is lost. */

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
