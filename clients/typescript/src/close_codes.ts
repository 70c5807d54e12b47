/** Close codes that a client knows by name; `PROTOCOL.md` lists them all. */

/** Nobody closed it: it was lost. */
export const LOST = 1006;
export const UNUSABLE = 4400;
export const CREDENTIAL = 4401;
export const FORBIDDEN = 4403;
/** Of a client's own: this transport leads nowhere, and another may. */
export const BLOCKED = 0;
