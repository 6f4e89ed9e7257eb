// Asks for pages on many streams of one HTTP/2 connection at once, and prints for each, in
// one line, its path, what was said before its answer, its status and its body.
//
// node streams.js PORT PATH...
const http2 = require('node:http2');
const [port, ...paths] = process.argv.slice(2);
const session = http2.connect(`http://127.0.0.1:${port}`);
session.on('error', (error) => { console.log(`session: ${error.message}`); });
let left = paths.length;
for (const path of paths) {
  const stream = session.request({
    ':path': path, ':authority': 'hints.local', 'sec-fetch-mode': 'navigate',
  });
  const said = [];
  let status = 0;
  let body = '';
  stream.on('headers', (fields) => { said.push(`${fields[':status']} ${fields.link ?? ''}`); });
  stream.on('response', (fields) => { status = fields[':status']; });
  stream.on('error', (error) => { said.push(error.message); });
  stream.setEncoding('utf8');
  stream.on('data', (data) => { body += data; });
  stream.on('close', () => {
    console.log([path, said.join('|'), status, body].join(' '));
    left -= 1;
    if (left === 0) session.close();
  });
  stream.end();
}
