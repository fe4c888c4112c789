import { readFileSync } from "node:fs";

/** The runtime has two file descriptors for each socket. */
const DESCRIPTORS_PER_SOCKET = 2;
/** For storage and calls. */
const OTHER_DESCRIPTORS = 1000;
/** Where the system does not tell. Many systems allow a process 20,000. */
const DEFAULT_MAX_DESCRIPTORS = 20_000;
const MANY = 10_000;

/** 10,000 sockets, or as many thousands as a process may have. */
export function manySockets(): number {
  const sockets = Math.floor((maxDescriptors() - OTHER_DESCRIPTORS) / DESCRIPTORS_PER_SOCKET);
  return Math.min(MANY, Math.max(1000, Math.floor(sockets / 1000) * 1000));
}

/** Linux, proc(5). */
function maxDescriptors(): number {
  try {
    const [, , hard] = /Max open files +(\d+) +(\d+)/.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return hard === undefined ? DEFAULT_MAX_DESCRIPTORS : Number(hard);
  } catch {
    return DEFAULT_MAX_DESCRIPTORS;
  }
}
