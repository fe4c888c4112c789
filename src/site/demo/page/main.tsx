// Imported first, so that it observes every socket that the page opens.
import "./state/sockets.ts";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { ConnectionsProvider } from "./state/connections.tsx";
import { takeCredentialsFromAddress } from "./state/credentials.ts";

takeCredentialsFromAddress();
// A demo address may be pasted into a tab that already shows the page.
window.addEventListener("hashchange", takeCredentialsFromAddress);

const page = document.getElementById("page");
if (!page) throw new Error("index.html has no #page");
createRoot(page).render(
  <ConnectionsProvider>
    <App />
  </ConnectionsProvider>,
);
