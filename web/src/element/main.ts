/** `<threadcast-chat>`: what a page of others loads. */
export {};
