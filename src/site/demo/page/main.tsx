// Before anything connects, so that the page can show what its sockets go through.
import "./sockets.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { takeFromAddress } from "./credentials.ts";
import { LiveProvider } from "./live.tsx";

takeFromAddress();
// A demo address that is pasted where the page is open already.
window.addEventListener("hashchange", takeFromAddress);

const page = document.getElementById("page");
if (!page) throw new Error("index.html has no #page");
createRoot(page).render(
  <StrictMode>
    <LiveProvider>
      <App />
    </LiveProvider>
  </StrictMode>,
);
