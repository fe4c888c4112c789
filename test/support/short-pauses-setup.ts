import { shortenPauses } from "./pauses.ts";

/** Vitest setup file: makes the pauses of the service short. */
shortenPauses();
