import * as z from "zod";
import { parseJson } from "../protocol/json.ts";

/**
 * Variables for the service, passed from the launcher to wrangler's process in an environment variable. Every user of the
 * machine can see a command line, but only the user who runs a process can see its environment. wrangler's own
 * `--env-file` would replace `.dev.vars` and expand each `$` in it.
 */

const CARRIER_VARIABLE = "TIDINGS_DEV_VARIABLES";
const variablesSchema = z.record(z.string(), z.string());

/** Returns an environment with the variables in it. */
export function withHiddenVariables(
  environment: NodeJS.ProcessEnv,
  variables: Record<string, string>,
): NodeJS.ProcessEnv {
  return { ...environment, [CARRIER_VARIABLE]: JSON.stringify(variables) };
}

/** Removes the variables from an environment and returns them, so that processes started from there do not inherit them. */
export function takeHiddenVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  const variables = variablesSchema.parse(parseJson(environment[CARRIER_VARIABLE] ?? "{}"));
  delete environment[CARRIER_VARIABLE];
  return variables;
}
