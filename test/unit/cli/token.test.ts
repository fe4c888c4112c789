import { jwtVerify } from "jose";
import { expect, it } from "vitest";
import { SECRET, TestTerminal } from "./test-terminal.ts";

const verify = (token: string) => jwtVerify(token, new TextEncoder().encode(SECRET), { algorithms: ["HS256"] });

it("prints a token that verifies, and nothing else", async () => {
  const terminal = new TestTerminal({ env: { JWT_SECRET: SECRET } });
  expect(await terminal.run("token")).toBe(0);
  expect(terminal.outLines).toHaveLength(1);
  expect(terminal.notes).toBe("");
  const { payload } = await verify(terminal.output);
  expect(payload.sub).toBe("alice");
  expect(payload).not.toHaveProperty("role");
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
});

it("mints a token with the given role, lifetime and claims", async () => {
  const terminal = new TestTerminal();
  const claims = ["--claim", "iss=shop", "--claim", 'roles=["a","b"]', "--claim", "note=a=b"];
  await terminal.run("token", "--secret", SECRET, "--subject", "ops", "--role", "admin", "--ttl", "60", ...claims);
  const { payload } = await verify(terminal.output);
  expect(payload).toMatchObject({ sub: "ops", role: "admin", iss: "shop", roles: ["a", "b"], note: "a=b" });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
});

it.each([
  [["sub=root"], "--claim cannot set sub, which comes from --subject."],
  [["exp=9999999999"], "--claim cannot set exp, which comes from --ttl."],
  [["iat=1"], "--claim cannot set iat, which comes from the clock."],
  [["role=staff", "--role", "admin"], "--claim cannot set role, which comes from --role."],
])("refuses a claim that it sets itself: %j", async (claim, message) => {
  const terminal = new TestTerminal();
  expect(await terminal.run("token", "--secret", SECRET, "--claim", ...claim)).toBe(2);
  expect(terminal.notes).toContain(message);
});

it("takes the role from a claim without --role", async () => {
  const terminal = new TestTerminal();
  await terminal.run("token", "--secret", SECRET, "--claim", "role=staff");
  expect((await verify(terminal.output)).payload.role).toBe("staff");
});

it("prints the subject and the expiry with --json", async () => {
  const terminal = new TestTerminal();
  await terminal.run("token", "--secret", SECRET, "--json");
  const { token, ...rest } = JSON.parse(terminal.output);
  const { payload } = await verify(token);
  expect(rest).toEqual({ subject: "alice", expires_at: new Date((payload.exp ?? 0) * 1000).toISOString() });
});
