// Follows a feed with feedsub: for each line on standard input it reads the feed once, and writes
// the new items as a line of JSON.
import { createInterface } from "node:readline";
import FeedSub from "feedsub";

const reader = new FeedSub(process.argv[2], { emitOnStart: true, maxHistory: 1000 });
for await (const _ of createInterface({ input: process.stdin })) {
  const items = await new Promise((resolve, reject) =>
    reader.read((error, found) => (error ? reject(error) : resolve(found))),
  );
  console.log(JSON.stringify(items.map(({ title, link }) => ({ title, link }))));
}
