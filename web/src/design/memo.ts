/** Memoized components, without the weight of `preact/compat`. */
import { Component, type ComponentChildren, type FunctionComponent, h } from "preact";

/** A component that renders again only when a prop has changed (shallow comparison). */
export function memo<P extends object>(
  view: (props: P) => ComponentChildren,
): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return differ(this.props, next);
    }

    override render() {
      return h(view as FunctionComponent<P>, this.props);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

function differ(one: object, other: object): boolean {
  const names = Object.keys(other);
  if (names.length !== Object.keys(one).length) return true;
  const values = one as Record<string, unknown>;
  return names.some((name) => (other as Record<string, unknown>)[name] !== values[name]);
}
