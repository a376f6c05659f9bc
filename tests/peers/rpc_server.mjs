// A central system as a process of its own on the npm package ocpp-rpc in strict mode: it judges every message in both
// directions by its own copy of the schemas. Speaks what package_csms.py documents, without scenarios and summary:
//   node rpc_server.mjs [PORT]

import { createInterface } from "node:readline";
import { RPCServer } from "ocpp-rpc";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const now = () => new Date().toISOString();

let transaction = (Math.floor(Date.now() / 1000) % 1_000_000) * 100;
const scripts = new Map(); // action → answers in waiting
let station = null;

const ANSWERS = {
    Authorize: () => ({ idTagInfo: { status: "Accepted" } }),
    BootNotification: () => ({ currentTime: now(), interval: 300, status: "Accepted" }),
    DataTransfer: () => ({ status: "UnknownVendorId" }),
    DiagnosticsStatusNotification: () => ({}),
    FirmwareStatusNotification: () => ({}),
    LogStatusNotification: () => ({}),
    SignedFirmwareStatusNotification: () => ({}),
    Heartbeat: () => ({ currentTime: now() }),
    MeterValues: () => ({}),
    SecurityEventNotification: () => ({}),
    SignCertificate: () => ({ status: "Accepted" }),
    StartTransaction: () => ({ transactionId: ++transaction, idTagInfo: { status: "Accepted" } }),
    StatusNotification: () => ({}),
    StopTransaction: (payload) => (payload.idTag ? { idTagInfo: { status: "Accepted" } } : {}),
};

const KINDS = { 2: "CALL", 3: "CALLRESULT", 4: "CALLERROR" };

// One printed frame. The verdict on it comes later, as an event of its own: {"breach": {"id": …, "text": …}}.
function frame(open, direction, text) {
    const line = { at: now(), dir: direction, kind: "?", id: null, action: null, payload: text, breach: null };
    try {
        const [type, id, ...rest] = JSON.parse(text);
        const kind = KINDS[type] ?? "?";
        const other = direction === "in" ? "out" : "in";
        Object.assign(line, { kind, id });
        if (kind === "CALL") {
            [line.action, line.payload] = rest;
            open.set(direction + id, line.action);
        } else {
            line.action = open.get(other + id) ?? null;
            open.delete(other + id);
            line.payload = kind === "CALLERROR" ? { code: rest[0], description: rest[1] } : rest[0];
        }
    } catch {
        line.breach = "not a JSON array";
    }
    return line;
}

function attend(client) {
    const open = new Map();
    station = client;
    say({ connected: client.identity });
    client.on("message", ({ message, outbound }) => say({ frame: frame(open, outbound ? "out" : "in", message) }));
    client.on("badMessage", ({ error }) => say({ breach: { id: null, text: String(error.message || error) } }));
    client.on("strictValidationFailure", ({ messageId, method, error, outbound }) =>
        say({ breach: { id: messageId, text: `${method} ${outbound ? "to" : "from"} the station: ${error.message}` } }));
    client.on("close", () => {
        if (station === client) station = null;
        say({ disconnected: client.identity });
    });
    for (const [action, plain] of Object.entries(ANSWERS)) {
        client.handle(action, ({ params }) => scripts.get(action)?.shift() ?? plain(params));
    }
}

async function obey(order) {
    try {
        say({ answer: order.ref, result: await perform(order) });
    } catch (error) {
        say({ answer: order.ref, error: `${error.rpcErrorCode ?? error.name}: ${error.message}` });
    }
}

async function perform(order) {
    if ("next" in order) {
        scripts.set(order.next, [...(scripts.get(order.next) ?? []), order.payload]);
        return {};
    }
    if (!station) throw Error("no station is connected");
    if ("call" in order) return await station.call(order.call, order.payload ?? {});
    if (!("drop" in order)) throw Error("this order is not known");
    await station.close({ code: 1001, force: true });
    return {};
}

const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true, callTimeoutMs: 30_000 });
server.on("client", attend);
const http = await server.listen(Number(process.argv[2] ?? 0), "127.0.0.1");
process.stdout.write(`ws://127.0.0.1:${http.address().port}\n`);
createInterface({ input: process.stdin })
    .on("line", (line) => line.trim() && obey(JSON.parse(line)))
    .on("close", () => process.exit(0));
