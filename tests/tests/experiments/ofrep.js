// Asks for flags by the SDK of OpenFeature for servers, and prints what it was told.
const { createRequire } = require('node:module');
const load = createRequire(process.env.MODULES + '/');
const { OpenFeature } = load('@openfeature/server-sdk');
const { OFREPProvider } = load('@openfeature/ofrep-provider');

async function main() {
  const provider = new OFREPProvider({
    baseUrl: process.env.URL,
    headers: [['Authorization', `Bearer ${process.env.TOKEN}`]],
  });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const ann = { targetingKey: 'ann', plan: 'gold' };
  const told = {
    truth: await client.getBooleanDetails('truth', false, ann),
    text: await client.getStringDetails('text', 'fallback', ann),
    number: await client.getNumberDetails('number', 0, ann),
    object: await client.getObjectDetails('object', {}, ann),
    split: await client.getNumberDetails('split', 0, ann),
    missing: await client.getStringDetails('missing', 'fallback', ann),
    mismatch: await client.getStringDetails('number', 'fallback', ann),
    nobody: await client.getStringDetails('text', 'fallback', {}),
  };
  for (const [name, { value, reason, variant, errorCode }] of Object.entries(told)) {
    told[name] = { value, reason, variant, error: errorCode ?? null };
  }
  console.log(JSON.stringify(told));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
