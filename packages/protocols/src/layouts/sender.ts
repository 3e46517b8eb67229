/** What layouts choose by besides the fields of a message: who sent it. Traces give it under the name `sender`. */
export const Sender = { Guest: 0, Root: 1 } as const;
