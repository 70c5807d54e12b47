/** The parts of the server's OpenAPI and AsyncAPI documents that the reference uses. */
import { ask } from "@threadcast/client/request";

export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly "x-errors"?: readonly ErrorRow[];
}

interface ErrorRow {
  readonly code: string;
  readonly text: string;
  readonly status: number;
  readonly close: number | null;
  readonly retryable: boolean;
}

export type Schemas = Readonly<Record<string, Schema>>;

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, Answer>>;
}

interface About {
  readonly version: string;
  readonly description: string;
}

export interface HttpDocument {
  readonly info: About;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Schemas };
}

export interface Message {
  readonly name: string;
  readonly payload: Schema;
}

export interface ConnectionDocument {
  readonly info: About;
  readonly channels: { readonly connection: { readonly address: string } };
  readonly operations: Readonly<
    Record<string, { readonly action: string; readonly messages: readonly { $ref: string }[] }>
  >;
  readonly components: {
    readonly schemas: Schemas;
    readonly messages: Readonly<Record<string, Message>>;
  };
}

/** The name in a `$ref`: its last segment. */
export function nameOf(schema: { readonly $ref?: string } | undefined): string | undefined {
  return schema?.$ref?.split("/").at(-1);
}

/** Follows a `$ref`; any other schema is returned as it is. */
export function resolve(schemas: Schemas, schema: Schema | undefined): Schema {
  const name = nameOf(schema);
  return (name === undefined ? schema : schemas[name]) ?? {};
}

/** @throws ThreadcastError a document could not be fetched */
export async function readDocuments(): Promise<[HttpDocument, ConnectionDocument]> {
  return Promise.all([ask<HttpDocument>("openapi.json"), ask<ConnectionDocument>("asyncapi.json")]);
}
