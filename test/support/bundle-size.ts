import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Bundles the Worker as `wrangler deploy` uploads it, and fails when it exceeds its budget. Run by `npm run check`. */

const MAX_GZIP_BYTES = 160 * 1024;

const directory = mkdtempSync(join(tmpdir(), "tidings-bundle-"));
try {
  execFileSync("wrangler", ["deploy", "--dry-run", "--outdir", directory], { stdio: "inherit" });
  const size = gzipSync(readFileSync(join(directory, "index.js"))).length;
  console.log(`The Worker's bundle is ${kilobytes(size)} KB with gzip, of at most ${kilobytes(MAX_GZIP_BYTES)} KB.`);
  if (size > MAX_GZIP_BYTES) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function kilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
