import { type Command, InvalidArgumentError } from "commander";
import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";
import { MAX_BATCH_EVENTS } from "../../protocol/publish-call.ts";
import { MAX_SHARDS_PER_REGION, REGIONS } from "../../protocol/shards.ts";
import { decimalNumber, wholeNumber, withCommonOptions } from "../shared/options.ts";
import type { CommonOptions } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import { estimateFor, estimateInWords } from "./estimate.ts";
import type { Load } from "./load.ts";

const EXAMPLES = `# A small shop
npx tidings cost
# Ten events a second in batches of 10, and pages that show 4 of 10,000 products
npx tidings cost --listeners 10000 --events 10 --batch 10 --filtered 4/10000
# PRODUCTS_SHARDS=2, and all listeners in one region
npx tidings cost --listeners 10000 --events 10 --shards 2 --regions 1`;

/** `tidings cost`: prints the monthly bill for a load, what peers charge for it, and which limit it meets first. */
export function addCost(program: Command, terminal: Terminal): void {
  const command = program
    .command("cost")
    .summary("estimate the monthly bill for a load")
    .description(
      "Prints Cloudflare's monthly bill for a products channel with steady traffic, list prices of other services, and " +
        "the limit that growth meets first. It calls no service.",
    )
    .option("--listeners <number>", "open sockets", wholeNumber(1, 100_000_000), 1000)
    .option("--events <number>", "events per second", decimalNumber(0.000_01, 1_000_000), 1)
    .option("--session <minutes>", "how long a socket stays open", decimalNumber(0.1, 1_000_000), 60)
    .option("--batch <number>", "events per publish call", wholeNumber(1, MAX_BATCH_EVENTS), 1)
    .option("--filtered <products/catalogue>", "products per listener, of how many, such as 4/10000", filterOption)
    .option("--plain", "listeners do not speak `tidings.v1`")
    .option(
      "--shards <number>",
      "`PRODUCTS_SHARDS`: auto, or how many in each region; 0 for none",
      shardsOption,
      "auto",
    )
    .option(
      "--regions <number>",
      "regions that the listeners are spread over evenly",
      wholeNumber(1, REGIONS.length),
      4,
    )
    .action((options: CommonOptions & Load) => {
      const estimate = estimateFor(options);
      terminal.out(options.json ? JSON.stringify(estimate) : estimateInWords(options, estimate));
    });
  withCommonOptions(command, EXAMPLES);
}

function shardsOption(text: string): Load["shards"] {
  return text === "auto" ? text : wholeNumber(0, MAX_SHARDS_PER_REGION)(text);
}

function filterOption(text: string): Load["filtered"] {
  const [, products, of] = (/^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []).map(Number);
  if (products && of && products <= MAX_FILTER_PRODUCTS && products <= of) return { products, of };
  throw new InvalidArgumentError(
    `It must be <products>/<catalogue>, such as 4/10000: 1 to ${MAX_FILTER_PRODUCTS} products, and not more than the catalogue has.`,
  );
}
