/** What is asked for at the failing service ends its failures. */
export const MEND_PATH = "/mend";
