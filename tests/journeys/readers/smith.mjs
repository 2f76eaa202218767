// Reads the feed at the given address with feedsmith and writes its items as JSON.
import { parseFeed } from "feedsmith";

const answer = await fetch(process.argv[2]);
const { feed } = parseFeed(await answer.text());
const titled = (title) => (typeof title === "string" ? title : title?.value);
const items = (feed.items ?? feed.entries).map(({ guid, id, title }) => ({
  id: guid?.value ?? id,
  title: titled(title),
}));
console.log(JSON.stringify(items));
