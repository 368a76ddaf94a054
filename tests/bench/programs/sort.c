/* sort.c: quicksort of pseudo-random words: unpredictable branches, loads and stores. */

typedef unsigned int u32;
typedef unsigned long u64;

#define COUNT 20000

static u32 values[COUNT];

static void fill(u32 seed)
{
	for (int i = 0; i < COUNT; i++) {
		seed = seed * 1664525 + 1013904223;
		values[i] = seed >> 4;
	}
}

static void swap(u32 *a, u32 *b)
{
	u32 old = *a;

	*a = *b;
	*b = old;
}

static void sort(u32 *first, u32 *last)
{
	while (first < last) {
		u32 pivot = first[(last - first) / 2], *low = first, *high = last;

		while (low <= high) {
			while (*low < pivot)
				low++;
			while (*high > pivot)
				high--;
			if (low <= high)
				swap(low++, high--);
		}
		sort(first, high);
		first = low;
	}
}

u64 bench(u64 rounds)
{
	u64 sum = 0;

	for (u64 round = 0; round < rounds; round++) {
		fill((u32)round + 1);
		sort(values, values + COUNT - 1);
		for (int i = 0; i < COUNT; i += 97)
			sum = sum * 31 + values[i];
	}
	return sum;
}
