// A webhook receiver: writes each delivery that it can verify as a line of JSON, and refuses others.
// Arguments: port, secret, file. It writes "listening PORT" when it is ready.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const [port, secret, file] = process.argv.slice(2);
const webhook = new Webhook(secret);

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  try {
    webhook.verify(body, request.headers);
  } catch (error) {
    response.writeHead(401).end(String(error));
    return;
  }
  const line = { id: request.headers["webhook-id"], body };
  appendFileSync(file, JSON.stringify(line) + "\n");
  response.writeHead(204).end();
});
server.listen(Number(port), "127.0.0.1", () => console.log(`listening ${server.address().port}`));
