/** A clock of the Worker and its objects, which are one process here, that tests can set forward. */

const realNow = Date.now;
let offset = 0;
Date.now = () => realNow() + offset;

export function setForward(milliseconds: number): void {
  offset += milliseconds;
}
