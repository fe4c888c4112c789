/**
 * Domains where anyone can register a name, so that a wildcard below them would allow strangers. The whole Public Suffix
 * List would be a quarter of the Worker's size, so these are the usual second levels of registries and the hosting
 * services that shops deploy to. The manual documents this limit.
 */

/** Second levels of countries' registries, such as `co.uk` and `com.br`. */
const SECOND_LEVELS = new Set(
  "ac asso co com coop ed edu go gob gouv gov gv id ind int k12 ltd me mil ne net nhs nom or org plc priv sch".split(
    " ",
  ),
);

/** Domains of services whose customers have names directly below them. */
const HOSTING = new Set(
  (
    "pages.dev workers.dev r2.dev trycloudflare.com vercel.app now.sh netlify.app netlify.com github.io gitlab.io " +
    "bitbucket.io codeberg.page web.app firebaseapp.com appspot.com blogspot.com herokuapp.com onrender.com fly.dev " +
    "railway.app up.railway.app deno.dev surge.sh glitch.me repl.co replit.app replit.dev azurewebsites.net azureedge.net " +
    "azurefd.net trafficmanager.net cloudapp.net cloudfront.net amplifyapp.com awsapprunner.com ondigitalocean.app " +
    "myshopify.com wixsite.com webflow.io framer.app framer.website wordpress.com squarespace.com carrd.co bubbleapps.io " +
    "lovable.app bolt.host stackblitz.io webcontainer.io csb.app gitpod.io github.dev app.github.dev " +
    "ngrok.io ngrok.app ngrok.dev ngrok-free.app ngrok-free.dev loca.lt tunnelmole.net duckdns.org nip.io sslip.io " +
    "hf.space streamlit.app shuttleapp.rs gateway.dev translate.goog uk.com us.com eu.com de.com co.com"
  ).split(" "),
);

/** Domains of services whose customers have names at any depth below them. */
const HOSTING_BY_REGION = ["amazonaws.com", "elasticbeanstalk.com", "run.app", "azurestaticapps.net", "azure.com"];

/** Returns whether a domain is a known one where strangers can have names directly below it. */
export function isSharedDomain(hostname: string): boolean {
  // A trailing dot makes a name absolute: a different origin, but the same domain.
  const domain = hostname.replace(/\.$/, "");
  const labels = domain.split(".");
  const [secondLevel = "", topLevel = ""] = labels.slice(-2);
  if (labels.length < 2) return true;
  if (labels.length === 2 && topLevel.length === 2 && SECOND_LEVELS.has(secondLevel)) return true;
  return HOSTING.has(domain) || HOSTING_BY_REGION.some((region) => domain === region || domain.endsWith(`.${region}`));
}
