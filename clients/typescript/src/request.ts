/** One HTTP request, for what needs no connection. */
export { type Claims, claimsOf } from "./credential/claims.ts";
export { ThreadcastError } from "./error.ts";
export { type Asked, ask } from "./http/ask.ts";
