/**
 * The shapes of what comes over the live socket. The server's side: monitor/queries/live.py, monitor/core/metrics.py.
 * Times are µs since the epoch.
 *
 * @typedef {object} Finding
 * @property {string} code
 * @property {string} severity "critical", "major", "minor", "info"
 * @property {string} state "suspected", "confirmed"
 * @property {number} at_us
 * @property {string} hop
 * @property {string} cause one plain sentence
 *
 * @typedef {object} RecordRow
 * @property {string} slug its name for ever
 * @property {number} version rises with each write
 * @property {string} call_id
 * @property {boolean} open
 * @property {number|null} status
 * @property {number} first_us
 * @property {number} last_us
 * @property {number} messages
 * @property {number} retransmissions
 * @property {string} severity
 * @property {string[]} codes
 * @property {Finding|null} finding the worst that is not cleared
 *
 * @typedef {object} CallFields
 * @property {string} from_uri
 * @property {string} to_uri
 * @property {string} caller
 * @property {string} callee
 * @property {string} state
 * @property {number|null} answered_us
 * @property {number|null} ended_us
 * @property {number|null} duration_ms
 * @typedef {RecordRow & CallFields} CallRow
 *
 * @typedef {object} RegistrationFields
 * @property {string} aor
 * @property {string} client
 * @property {string} registrar
 * @property {string} outcome
 * @typedef {RecordRow & RegistrationFields} RegistrationRow
 *
 * @typedef {object} AlertRow
 * @property {number} id
 * @property {number} version
 * @property {string} severity
 * @property {string} title
 * @property {string} place
 * @property {string} state "open", "resolved"
 * @property {number} count
 * @property {number} opened_us
 * @property {number} last_us
 * @property {string} acknowledged_by
 *
 * @typedef {object} CollectorRow
 * @property {string} name
 * @property {number} version when it last spoke
 * @property {string} host
 * @property {string} receiver
 * @property {string[]} interfaces
 * @property {number} last_seen_us
 * @property {number} backlog
 * @property {number} rate messages a second
 * @property {boolean} final it said goodbye
 *
 * @typedef {object} Series
 * @property {number|null} now
 * @property {(number|null)[]} spark the last 15 minutes, oldest first
 *
 * @typedef {object} Metrics
 * @property {number} at_us
 * @property {Series} active_calls
 * @property {Series} cps
 * @property {Series} asr_percent
 * @property {Series} ner_percent
 * @property {Series} pdd_p50_ms
 * @property {Series} pdd_p95_ms
 * @property {Series} registrations
 * @property {Series} open_alerts
 * @property {Series} messages_per_s
 * @property {Series} loss
 * @property {Series} collectors_up
 * @property {number} collectors_total
 * @property {Record<string, number[]>} responses by class ("2xx" … "6xx", "none"), oldest first
 *
 * @typedef {object} Lists
 * @property {CallRow[]} [calls]
 * @property {RegistrationRow[]} [registrations]
 * @property {AlertRow[]} [alerts]
 * @property {CollectorRow[]} [collectors]
 *
 * @typedef {object} SnapshotFields
 * @property {"snapshot"} type
 * @property {number} sequence
 * @property {Partial<Metrics>} metrics
 * @property {Record<string, number>} caps how many rows a view holds
 * @property {number} now_us the server's clock
 * @typedef {SnapshotFields & Lists} Snapshot
 *
 * @typedef {object} DeltaFields
 * @property {"delta"} type
 * @property {number} sequence one more than the frame before
 * @property {Metrics} [metrics]
 * @property {string[]} [thin] lists of which more changed than a delta holds: those that fail are there
 * @property {number} now_us
 * @typedef {DeltaFields & Lists} Delta
 *
 * @typedef {object} Tick
 * @property {"tick"} type
 * @property {number} sequence
 * @property {number} now_us
 *
 * @typedef {object} RecordChanged
 * @property {"record"} type
 * @property {string} slug
 * @property {number} version
 * @property {number} now_us
 *
 * @typedef {Snapshot|Delta|Tick|RecordChanged} Frame
 */

export {};
