/** What a pull tells of itself while it works. */
export type PullEvent =
  | { readonly type: 'source'; readonly source: string; readonly suite: string }
  /** The lists: how many of `size` there are. */
  | { readonly type: 'lists'; readonly received: number; readonly size: number }
  | {
      readonly type: 'package';
      readonly package: string;
      readonly version: string;
      readonly size: number;
      /** It was in the cache. */
      readonly cached: boolean;
    }
  | { readonly type: 'progress'; readonly package: string; readonly received: number; readonly size: number }
  /** A root disk: what is being done now, such as `unpack`, and how much of it is done. */
  | { readonly type: 'installing'; readonly phase: string }
  | { readonly type: 'installed'; readonly phase: string; readonly done: number; readonly of: number }
  | { readonly type: 'building'; readonly image: string }
  | { readonly type: 'notice'; readonly text: string };
