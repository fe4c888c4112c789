import { expect, test } from "vitest";
import { Variables } from "../../../src/cli/conformance/variables.ts";

const USERS = { alice: { subject: "alice-{run}", is_admin: false, expires_in: 60, is_forged: false } };

/** The variables of a file with one user. Each of her tokens is another. */
function variables(): Variables {
  let tokens = 0;
  const key = { value: "the key", source: "the test" };
  return new Variables(USERS, {
    key,
    userOf: (_, { subject }) => ({ id: subject, token: async () => `token ${++tokens}` }),
  });
}

test("an integer is a number of its own, which JSON keeps exactly", async () => {
  const [one, again, other] = (await variables().fill(["{integer.a}", "{integer.a}", "{integer.b}"])) as number[];
  expect(one).toSatisfy(Number.isSafeInteger);
  expect(again).toBe(one);
  expect(other).not.toBe(one);
});

test("a variable has one value, wherever it is first used", async () => {
  const filled = await variables().fill({
    ids: ["{uuid.a}", "{uuid.a}"],
    tokens: { first: "{token.alice}", "of {uuid.a}": "{token.alice}" },
    user: "{user.alice} in {run}",
  });
  const { ids, tokens, user } = filled as { ids: string[]; tokens: Record<string, string>; user: string };
  expect(ids[1]).toBe(ids[0]);
  expect(tokens).toEqual({ first: "token 1", [`of ${ids[0]}`]: "token 1" });
  expect(user).toMatch(/^alice-(\w+) in \1$/);
});

test("a value that looks like a variable is left as it is", async () => {
  const filled = variables();
  filled.save("epoch", "{key}");
  expect(await filled.fill("{epoch} {key}")).toBe("{key} the key");
});

test("each repetition counts for itself", async () => {
  const lists = ["{n}", "{key}{key}{n}"].map((item) => ({ $repeat: 3, item }));
  expect(await variables().fill(lists)).toEqual([
    [1, 2, 3],
    ["the keythe key1", "the keythe key2", "the keythe key3"],
  ]);
});

test("a repeated text is filled first", async () => {
  const [id, text] = (await variables().fill(["{uuid.a}", { $repeat: 2, text: "{uuid.a} " }])) as string[];
  expect(text).toBe(`${id} ${id} `);
});

test.each(["{tokne.alice}", "{alice}", "{token}", "{token.bob}", "{uuidd.a}", "{key.alice}"])(
  "%s is not defined",
  async (text) => {
    await expect(variables().fill(text)).rejects.toThrow(`${text} is not defined`);
  },
);
