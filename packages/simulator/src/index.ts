// @hearsay/simulator: the cores of Hearsay in virtual time.

export { adversary, type Plot } from './adversaries.js'
export { Audit, type Tally } from './audit.js'
export { type CrowdAct, type CrowdTrial, type CrowdTrialOptions, tryCrowd } from './crowd/trial.js'
export { ENGINE_NAMES, type EngineName, engineNamed, type SimulatedEngine } from './engines.js'
export { SimulatorError, type SimulatorErrorCode } from './errors.js'
export { EventQueue } from './event-queue.js'
export { type FrameReader, ROOM_FRAMES } from './frame-kinds.js'
export { gossipsubModel } from './models/gossipsub.js'
export { plumtreeModel } from './models/plumtree.js'
export { type Happening, type NetworkOptions, type PathFaults, SimulatedNetwork } from './network.js'
export { propagationSvg } from './propagation-svg.js'
export {
  ADVERSARY_TYPES,
  type Adversaries,
  type AdversaryType,
  type Expectations,
  type Fault,
  type FaultType,
  type PathOptions,
  type QueryOptions,
  type RoomRules,
  type Scenario,
} from './scenario/format.js'
export type { Holding, Holdings } from './scenario/holdings.js'
export type { Propagation, Step } from './scenario/propagation.js'
export { parseScenario, readScenario } from './scenario/reading.js'
export type { Percentiles, ScenarioReport } from './scenario/report.js'
export { type RunOptions, runScenario, scenarioSteps } from './scenario/run.js'
export { type Reproduction, reproductionText, type ShrinkOptions, shrink } from './scenario/shrink.js'
export type { TalkMachine, TalkProtocol } from './scenario/talk.js'
export { type SimulateOptions, type SimulationReport, simulate } from './simulate.js'
export { simulatedCrypto } from './simulated-crypto.js'
export { type SwarmFault, type SwarmOptions, simulateSwarm } from './swarm.js'
export type { SwarmReport } from './swarm-metrics.js'
export { type MakeTwist, type Twist, twisted } from './twist.js'
export { type ContentionOptions, type ContentionSample, contend, ratesOf } from './utp/contention.js'
export type { UtpEnd } from './utp/end.js'
export type { UtpHost } from './utp/host.js'
export { type UtpPlot, utpPlots } from './utp/plots.js'
export type { PacketLinkOptions, PacketWire } from './utp/wire.js'
export { UtpWorld } from './utp/world.js'
