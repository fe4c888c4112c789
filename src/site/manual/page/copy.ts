const SHOWN_MS = 2000;

/** Adds a button to each example that copies its text. */
export function addCopyButtons(): void {
  // Browsers have no clipboard on pages without https, except on localhost.
  if (navigator.clipboard === undefined) return;
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = await copy(block.querySelector("code")?.textContent ?? "");
      setTimeout(() => {
        button.textContent = "Copy";
      }, SHOWN_MS);
    });
    block.append(button);
  }
}

async function copy(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Copying is blocked";
  }
}
