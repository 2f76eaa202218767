// Asks two verifiers about each line of JSON on standard input, {secret, headers, body}, and
// writes what each says: {"standardwebhooks": true, "svix": true}.
import { createInterface } from "node:readline";
import * as standard from "standardwebhooks";
import * as svix from "svix";

const takes = (Webhook, { secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  console.log(
    JSON.stringify({
      standardwebhooks: takes(standard.Webhook, said),
      svix: takes(svix.Webhook, said),
    }),
  );
}
