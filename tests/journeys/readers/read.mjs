// Reads the feed at the given address with rss-parser and writes its items as JSON.
import Parser from "rss-parser";

const feed = await new Parser().parseURL(process.argv[2]);
const items = feed.items.map(({ guid, id, title, link }) => ({ id: guid ?? id, title, link }));
console.log(JSON.stringify(items));
