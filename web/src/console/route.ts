/**
 * The open view, routed by the URL's fragment, so that back, forward and links work under any prefix.
 *
 * A fragment is never sent to the server, so user ids may be in it.
 */
import { signal } from "@preact/signals";

/** In place of a run's id: the list of those that failed last. No id looks like this. */
export const FAILED = "failed";

export type Route =
  | { readonly view: "overview" }
  | { readonly view: "users"; readonly id: string }
  | { readonly view: "runs"; readonly id: string }
  | { readonly view: "nodes" }
  | { readonly view: "actions" };

/** The route of a fragment; the overview for an unknown one. */
export function routeOf(fragment: string): Route {
  const [view = "", id = ""] = fragment.replace(/^#\/?/, "").split("/");
  if (view === "users" || view === "runs") return { view, id: decoded(id) };
  if (view === "nodes" || view === "actions") return { view };
  return { view: "overview" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return ""; // a fragment that somebody typed
  }
}

/** The fragment of a route. */
export function fragmentOf(route: Route): string {
  if (route.view === "overview") return "#/";
  const id = "id" in route && route.id !== "" ? `/${encodeURIComponent(route.id)}` : "";
  return `#/${route.view}${id}`;
}

export const route = signal<Route>({ view: "overview" });

/** Keep `route` in sync with the URL from now on. */
export function followAddress(): void {
  const read = () => {
    route.value = routeOf(location.hash);
  };
  addEventListener("hashchange", read);
  read();
}

/** Open a view. */
export function open(next: Route): void {
  location.hash = fragmentOf(next);
}
