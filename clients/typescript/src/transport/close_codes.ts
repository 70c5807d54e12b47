/** The close codes that the client acts on; `PROTOCOL.md` lists them all. */

/** The connection was lost: nobody sent a close frame. */
export const LOST = 1006;
export const UNUSABLE = 4400;
export const CREDENTIAL = 4401;
export const FORBIDDEN = 4403;
/** Never on the wire: this transport does not get through, and another one may. */
export const BLOCKED = 0;
