// graphile-worker: add_jobs in batches, the preset of its page on performance; the lines are those of process.py.
import { createInterface } from "node:readline";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import nunjucks from "nunjucks";

const BATCH = 1000;
const connectionString = process.env.BENCH_DSN;
const logger = new Logger(() => (level, message) => {
  if (level === "error") process.stderr.write(message + "\n");
});
const preset = {
  worker: {
    connectionString,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

const text = new nunjucks.Environment(null, { autoescape: false });
const compile = (source, environment) => new nunjucks.Template(source, environment, null, true);
const to = compile("{{ trigger.email }}", text);
const subject = compile("Order of {{ trigger.name }}", text);
const html = compile(
  `<!doctype html>
<html><body>
<h1>Hello {{ trigger.name }}</h1>
<p>Your order over {{ trigger.amount }} has been paid.
We will write to {{ trigger.email }} when it leaves.</p>
</body></html>
`,
  new nunjucks.Environment(null, { autoescape: true }),
);

let handedOver = 0;
function deliver(trigger) {
  const message = {
    to: to.render({ trigger }),
    subject: subject.render({ trigger }),
    html: html.render({ trigger }),
  };
  handedOver += message.html ? 1 : 0;
}

const say = (line) => process.stdout.write(line + "\n");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function enqueue(utils, count) {
  for (let first = 1; first <= count; first += BATCH) {
    const jobs = [];
    for (let i = first; i < Math.min(first + BATCH, count + 1); i++) {
      const payload = { id: i, name: `Person ${i}`, email: `person${i}@example.com`, amount: (i % 1000) + 0.99 };
      jobs.push({ identifier: "notify", payload });
    }
    await utils.addJobs(jobs);
  }
}

async function enqueuer() {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.addJobs([]);
  say("ready");
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const started = performance.now();
    await enqueue(utils, Number(line.split(" ")[1]));
    say(`enqueued ${(performance.now() - started) / 1000}`);
  }
}

async function worker() {
  deliver({ name: "Person 0", email: "person0@example.com", amount: 0.99 });
  handedOver = 0;
  say("ready");
  if ((await lines.next()).done) return;
  let told = 0;
  setInterval(() => {
    if (handedOver !== told) say(`did ${(told = handedOver)}`);
  }, 5);
  await run({ preset, logger, noHandleSignals: true, taskList: { notify: deliver } });
  await lines.next();
}

switch (process.argv[2]) {
  case "set-up": {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    await utils.release();
    say("ready");
    break;
  }
  case "enqueue":
    await enqueuer();
    break;
  case "work":
    await worker();
    break;
}
process.exit(0);
