/** A service did not do what a rule expects; the message is for its operator. */
export class BrokenRule extends Error {}
