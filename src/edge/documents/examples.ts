import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { orderChannelName } from "../../protocol/names.ts";

/** What the examples of bodies and messages have in common. Tests check each example against its schema. */

export const EXAMPLE_CHANNEL = orderChannelName(EXAMPLE_ORDER);
export const EXAMPLE_EVENT_ID = "5b0d9f4e-7c1a-4f0b-9a52-3a6a0c1f2d3e";
export const EXAMPLE_EPOCH = "5f0c2b1e";
export const EXAMPLE_TS = "2026-11-22T10:16:02.511Z";
