// What a Credo-TS agent (0.5) does, told to Tocsin: its messages, connections, exchanges, problem reports and errors.
//
//     import { Tocsin } from "./tocsin.mjs";
//     import { watchAgent } from "./credo.mjs";
//     watchAgent(agent, new Tocsin({ service: "issuer" })); // before agent.initialize()
//
// Of messages only types and ids are told, never what is in them; problem reports are told whole, as they are.

const RECORDS = {
  CredentialStateChanged: ["credential", "credentialRecord"],
  ProofStateChanged: ["proof", "proofRecord"],
  ConnectionStateChanged: ["connection", "connectionRecord"],
  OutOfBandStateChanged: ["invitation", "outOfBandRecord"],
};

/** Tell what this agent does. Nothing of the agent waits for it, and nothing fails by it. */
export function watchAgent(agent, tocsin) {
  const message = (kind, side, one, connection) => {
    const about = { connection, thread_id: one.threadId, parent_thread_id: one.thread?.parentThreadId };
    if (one.type.endsWith("/problem-report")) {
      return tocsin.problem(one.toJSON(), { key: `${kind} ${one.id}`, context: { connection, side } });
    }
    return tocsin.observe(kind, { message_id: one.id, message_type: one.type, ...about }, { key: `${kind} ${one.id}` });
  };

  agent.dependencyManager.registerMessageHandlerMiddleware(async (inbound, next) => {
    const connection = inbound.connection?.id;
    message("message_received", "peer", inbound.message, connection);
    try {
      await next();
    } catch (error) {
      // with a connection Credo sends the report in the error to the other side: then that is what is told
      const code = error?.problemReport?.description?.code;
      const context = { connection, thread_id: inbound.message.threadId, side: "own" };
      if (!code || !connection) tocsin.capture(error, { code, context });
      throw error;
    }
  });

  agent.events.on("AgentMessageSent", ({ payload }) => {
    const { message: sent, connection } = payload.message;
    message("message_sent", "own", sent, connection?.id);
    if (payload.status === "Undeliverable") {
      const text = `${sent.type} could not be sent`;
      const context = { connection: connection?.id, thread_id: sent.threadId, side: "peer" };
      tocsin.problem({ code: "e.p.xfer.cant-use-endpoint", text }, { key: `undeliverable ${sent.id}`, context });
    }
  });

  for (const [event, [record_type, member]] of Object.entries(RECORDS)) {
    agent.events.on(event, ({ payload }) => {
      const record = payload[member];
      const connection = record_type === "connection" ? record.id : record.connectionId;
      const opened = record_type === "connection" && record.state === "completed";
      tocsin.observe(opened ? "connection_opened" : "record_changed", {
        record_type, record_id: record.id, record_state: record.state, connection, thread_id: record.threadId,
        detail: { before: payload.previousState, role: record.role, error: record.errorMessage },
      });
    });
  }
}
