import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of a fixed size, in memory, that a test can fill. */

const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 256 * BLOCK_BYTES;

export class SmallDisk {
  readonly directory = mkdtempSync(join(tmpdir(), "tidings-disk-"));
  readonly #ballast = join(this.directory, "ballast");
  readonly #unmountAtExit = () => this.unmount();

  /** @throws when this process may not mount file systems. */
  constructor(megabytes: number) {
    try {
      mount("-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", this.directory);
    } catch (error) {
      rmdirSync(this.directory);
      throw error;
    }
    process.once("exit", this.#unmountAtExit);
  }

  /** Takes every free block; also those that were freed since the last call. */
  fill(): void {
    const file = openSync(this.#ballast, "a");
    try {
      for (const bytes of [CHUNK_BYTES, BLOCK_BYTES]) {
        const block = Buffer.alloc(bytes);
        while (wasWritten(file, block));
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Removes it; what is open is removed when it is closed. */
  unmount(): void {
    process.off("exit", this.#unmountAtExit);
    execFileSync("umount", ["--lazy", this.directory]);
    rmdirSync(this.directory);
  }
}

/** @returns Why this process can mount no small disk, or null. */
export function whyNoSmallDisk(): string | null {
  try {
    new SmallDisk(1).unmount();
    return null;
  } catch {
    return "only root on Linux can mount a small disk";
  }
}

function mount(...args: string[]): void {
  execFileSync("mount", args, { stdio: "ignore" });
}

/** Whether the whole block was written. */
function wasWritten(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) === block.length;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return false;
    throw error;
  }
}
