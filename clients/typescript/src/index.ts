/** Threadcast in the browser: what other modules import. */
export type * from "./model.ts";
