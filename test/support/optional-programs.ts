/**
 * Tests of optional programs are skipped with a warning when a program is missing, and fail in CI.
 * @param untested What is not tested without the programs.
 * @param hint Where to get them.
 * @returns Whether no program is missing.
 */
export function areInstalled(missing: string[], untested: string, hint: string): boolean {
  if (missing.length === 0) return true;
  const message = `NOT TESTED: ${untested}. It needs ${missing.join(" and ")} (${hint}).`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}
